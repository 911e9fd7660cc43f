"""The images of an app: built, or taken from the last deploy, each in state before anything else follows."""

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
from scorefly.desired.artefacts import write_artefact
from scorefly.fly.app import App, Build
from scorefly.state.snapshot import pack


class AppImages(Struct, frozen=True):
    """Gets the images of one app. `output_of` shows the output of a step, line by line."""

    run: FlyRun
    app: App
    before: AppInspection
    output_of: Callable[[str], AbstractContextManager[Callable[[str], None]]]

    def main(self, artefact: Path, folder: Path) -> str:
        """Return the reference of the app's image, which is built first unless that was done before.

        No Machine is touched until the image is there. State has it before the deploy begins, so that one that fails
        does not build again.
        """
        if not isinstance(self.app.image, Build):
            return self.app.pinned or self.app.image
        key, image = self._built(self.app.image, self.before.built, artefact, folder)
        record = last_record(self.run, self.app)
        if record.build != (key, image):
            save_app(self.run, self.app, record=pack(replace(record, build=(key, image))))
        return image

    def others(self, artefact: Path) -> dict[str, str]:
        """Return the images of further containers that are built, or whose tags are resolved. machine.json names them.

        State has each one before the next is built.
        """
        images = dict(self.app.other_pins)
        for name, build in self.app.other_builds.items():
            folder = self.run.settings.workspace / build.context
            key, images[name] = self._built(build, self.before.others_built[name], artefact, folder)
            record = last_record(self.run, self.app)
            if record.builds.get(key) != images[name]:
                save_app(self.run, self.app, record=pack(replace(record, builds={**record.builds, key: images[name]})))
        self._name_in_artefact(images)
        return images

    def keep_others(self) -> dict[str, str]:
        """Return the images of further containers that the last deploy had."""
        record = last_record(self.run, self.app)
        images = {name: image for name, image in record.images.items() if name in self.app.other_images}
        self._name_in_artefact(images)
        return images

    def _name_in_artefact(self, images: Mapping[str, str]) -> None:
        if images:
            write_artefact(self.run.settings, self.app.with_other_images(images))

    def _built(self, build: Build, files: Mapping[str, str], artefact: Path, folder: Path) -> tuple[str, str]:
        """Return the key of a build, and its image, which is built unless that was done before."""
        app = replace(self.app, image=build)

        def run(label: str) -> str:
            self.run.keeper.confirm_lock()
            with self.output_of("build") as output:
                return self.run.connection.builder.build(
                    app, artefact, folder, label, on_line=output, stop=self.run.stop
                )

        key = build_key(self.run.settings, app, build, files)
        return key, self.run.builds.image(app, key, self.run.state, run, self.run.stop)
