"""Builds the images of one app, or takes those that were built before: no Machine is touched until they are there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from scorefly.deployment.app_records import last_record, save_app
from scorefly.deployment.fly_run import FlyRun
from scorefly.deployment.image_builds import build_key
from scorefly.deployment.inspection import AppInspection
from scorefly.desired.artefacts import artefact_folder, working_folder, write_artefact
from scorefly.fly.app import App, Build
from scorefly.state.snapshot import pack


class AppImages(Struct):
    """The images of an app. `output_of` shows the output of a step."""

    run: FlyRun
    app: App
    inspection: AppInspection
    output_of: Callable[[str], AbstractContextManager[Callable[[str], None]]]

    def image(self) -> str:
        """Return the image that fly.toml is about. State has it first, so that a failed deploy does not build again."""
        if not isinstance(self.app.image, Build):
            return self.app.pinned or self.app.image
        folder = working_folder(self.run.settings, self.app)
        key, image = self._built(self.app.image, self.inspection.built, folder)
        record = last_record(self.run, self.app)
        if record.build != (key, image):
            save_app(self.run, self.app, record=pack(replace(record, build=(key, image))))
        return image

    def others(self) -> dict[str, str]:
        """Return the images of further containers that are built, or whose tags are resolved. machine.json names them.

        State has each one before the next is built.
        """
        images = dict(self.app.other_pins)
        for name, build in self.app.other_builds.items():
            folder = self.run.settings.workspace / build.context
            key, images[name] = self._built(build, self.inspection.others_built[name], folder)
            record = last_record(self.run, self.app)
            if record.builds.get(key) != images[name]:
                builds = {**record.builds, key: images[name]}
                save_app(self.run, self.app, record=pack(replace(record, builds=builds)))
        self._write(images)
        return images

    def kept_others(self) -> dict[str, str]:
        """Return the images of further containers as they were deployed last. machine.json names them."""
        record = last_record(self.run, self.app)
        images = {name: image for name, image in record.images.items() if name in self.app.other_images}
        self._write(images)
        return images

    def _write(self, images: Mapping[str, str]) -> None:
        if images:
            write_artefact(self.run.settings, self.app.with_other_images(images))

    def _built(self, build: Build, files: Mapping[str, str], folder: Path) -> tuple[str, str]:
        """Return the key of a build, and its image, which is built unless that was done before."""
        run, app = self.run, replace(self.app, image=build)
        artefact = run.settings.workspace / artefact_folder(run.settings, app.name)

        def build_image(label: str) -> str:
            run.keeper.confirm_lock()
            with self.output_of("build") as output:
                return run.connection.builder.build(app, artefact, folder, label, on_line=output, stop=run.stop)

        key = build_key(run.settings, app, build, files)
        return key, run.builds.image(app, key, run.state, build_image, run.stop)
