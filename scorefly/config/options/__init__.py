"""The options: one table from which the CLI, the Action's inputs, `scorefly.yaml` and the docs come."""

from __future__ import annotations

from collections.abc import Mapping

from scorefly.config.option import Option
from scorefly.config.options.cleanup import CLEANUP_OPTIONS
from scorefly.config.options.deploy import DEPLOY_OPTIONS
from scorefly.config.options.input import INPUT_OPTIONS
from scorefly.config.options.run import RUN_OPTIONS
from scorefly.config.options.state import STATE_OPTIONS

OPTIONS: tuple[Option, ...] = (
    *INPUT_OPTIONS,
    *STATE_OPTIONS,
    *DEPLOY_OPTIONS,
    *CLEANUP_OPTIONS,
    *RUN_OPTIONS,
)

BY_NAME: Mapping[str, Option] = {option.name: option for option in OPTIONS}
