"""`containers.*.image`: a reference to run, or `.` for an image that is given or built."""

from __future__ import annotations

import re

from scorefly.confined import exists, open_file, root_of
from scorefly.convert.target import Conversion
from scorefly.fly.app import Build
from scorefly.problems import InputError

# The grammar of image references as registries take it: [host[:port]/]path[:tag][@digest].
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    r"(?:(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*(?::[0-9]+)?)/)?"
    rf"{_COMPONENT}(?:/{_COMPONENT})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?(?:@[a-z0-9]+:[a-f0-9]{{32,}})?",
    re.ASCII,
)


def convert_image(conversion: Conversion) -> str | Build:
    """The reference, or what to build where the image is `.` and none is given."""
    container, workload, target = conversion.container, conversion.workload, conversion.target
    place = conversion.place("image")
    image = container.image
    if image == ".":
        names = (f"{workload.name}.{container.name}", workload.name)
        image = next((target.images[name] for name in names if name in target.images), target.default_image)
        if not image:
            return _build(conversion)
    if "${" in image:
        hint = "write '.' and pass images, or override it with override-property"
        conversion.wrong(f"Score has no placeholders in image: {image!r}", hint, place)
    elif not _REFERENCE.fullmatch(image):
        conversion.wrong(f"{image!r} is no image reference", "write it as host/name:tag, in lower case", place)
    return image


def _build(conversion: Conversion) -> Build:
    folder = conversion.workload.file.parent
    dockerfile = folder / "Dockerfile"
    workspace = conversion.target.workspace
    if exists(workspace, dockerfile):
        try:
            open_file(root_of(workspace, folder), workspace / dockerfile, conversion.place("image")).close()
        except InputError as error:
            conversion.problems.extend(error.problems)
    else:
        tell = conversion.warn if conversion.target.trial else conversion.wrong
        tell(
            f"the image is `.`, and there is no {dockerfile} to build",
            f"add it, or say which image with images: {conversion.workload.name}=REFERENCE",
            conversion.place("image"),
        )
    return Build(context=folder.as_posix(), dockerfile=dockerfile.as_posix())
