"""Provisioners that are programs or servers: when they are called, with what, and what is kept of their answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Literal, Protocol

from msgspec import Struct
from msgspec.structs import replace

from scorefly.problems import ExternalError, InputError, Place, Problem
from scorefly.resources.lookup import STAND_IN
from scorefly.resources.protocol import has_secret_name, provisioned, question, read_answer
from scorefly.resources.provisioner import Outside, Provisioned, ProvisioningContext, Request, Spec
from scorefly.resources.template import refuse_own_secrets, syntax_problems
from scorefly.score.document import Places
from scorefly.values import Plain, Secret, Text, Tree, secret_texts, texts_to_hide, to_text

Mode = Literal["provision", "deprovision", "plan"]

TIMEOUT = 600.0  # seconds


class Transport(Protocol):
    """A transport: carries a question to a program or server, and its answer back."""

    def send(self, call: Call) -> None:
        """Asks, and lets the call hear every answer. Raises ExternalError when asking failed, answer or not."""
        ...


class CallOptions(Struct, frozen=True):
    """The entries of both kinds. `texts` are templates: environment variables, or headers.

    `plan` says that it can be asked what it would do, and `rehearse` that a rehearsal may call it.
    """

    texts_key: str
    texts: Mapping[str, Plain]
    places: Places
    path: tuple[str | int, ...]
    timeout: float = TIMEOUT
    plan: bool = False
    rehearse: bool = False


class CallProvisioner(Struct, frozen=True):
    """Speaks score-flyio's protocol over a transport."""

    spec: Spec
    options: CallOptions
    transport: Transport

    def reaches_out(self, outside: Outside) -> bool:
        """Decide whether this run calls it to provision."""
        return self._mode(outside) == "provision"

    def provision(self, request: Request, run_context: ProvisioningContext) -> Provisioned:
        """Calls where this run may, and gives what is known, or stand-ins, where it may not."""
        mode = self._mode(run_context.outside)
        if mode is None:
            return self._without_call(request, run_context.outside)
        given = self._call(mode, request, run_context)
        return replace(given, provisional=mode == "plan")

    def deprovision(self, request: Request, run_context: ProvisioningContext) -> tuple[Problem, ...]:
        """Calls, but not in a rehearsal without leave: it did not provision there either."""
        if not self._may_be_called(run_context.outside):
            return (self._not_called(request, "a rehearsal", "rehearse: true"),)
        self._call("deprovision", request, run_context)
        return ()

    def syntax_problems(self) -> list[Problem]:
        """Return what is wrong with the templates of its environment variables or headers."""
        return syntax_problems(
            {self.options.texts_key: dict(self.options.texts)}, self.options.places, self.options.path
        )

    def _may_be_called(self, outside: Outside) -> bool:
        return self.options.rehearse or not outside.rehearsal

    def _mode(self, outside: Outside) -> Mode | None:
        if not self._may_be_called(outside):
            return None
        if outside.calls == "plan":
            return "plan" if self.options.plan else None
        return "provision" if outside.calls == "provision" else None

    def _call(self, mode: Mode, request: Request, run_context: ProvisioningContext) -> Provisioned:
        texts = self._texts(run_context)
        call = Call(mode, request, texts, self.options.timeout, self.spec, run_context.outside)
        self.transport.send(call)
        return call.check()

    def _texts(self, run_context: ProvisioningContext) -> dict[str, Text]:
        """The environment variables or headers, evaluated."""
        from scorefly.resources.expressions import ExpressionError, evaluate

        context: dict[str, Tree] = {
            "environment": run_context.environment,
            "variables": dict(run_context.variables),
            "secrets": {name: Secret(value, given=True) for name, value in run_context.secrets.items()},
        }
        found: dict[str, Text] = {}
        for name, text in self.options.texts.items():
            try:
                refuse_own_secrets(str(text), run_context)
                found[name] = to_text(evaluate(str(text), context, {}))
            except ExpressionError as error:
                place = self.options.places.at(*self.options.path, self.options.texts_key, name)
                hint = "there are environment, variables and secrets; pass them in with the options of these names"
                raise InputError(Problem(f"{self.options.texts_key}.{name}: {error}", hint, place)) from error
        return found

    def _without_call(self, request: Request, outside: Outside) -> Provisioned:
        known = dict(request.outputs)
        problems: tuple[Problem, ...] = ()
        if not known and outside.calls == "known" and self._may_be_called(outside):
            message = f"{request.uid} is not provisioned yet, and this command calls no provisioner"
            raise InputError(Problem(message, "run generate or deploy first", request.place))
        if not self._may_be_called(outside):
            problems = (self._not_called(request, "a rehearsal", "rehearse: true"),)
        elif outside.calls == "plan":
            problems = (self._not_called(request, "a plan", "plan: true"),)
        stand_ins: dict[str, Tree] = dict.fromkeys(self.spec.expected_outputs, STAND_IN)
        return Provisioned(
            outputs={**stand_ins, **known},
            provisional=True,
            # An earlier answer, or what was imported, may lack outputs that the next one has.
            open_outputs=not stand_ins and (not known or outside.calls in ("never", "plan")),
            problems=problems,
        )

    def _not_called(self, request: Request, when: str, key: str) -> Problem:
        return Problem(
            f"{self.spec.uri} is not called in {when}: {request.uid} has what is known of it, or stand-ins",
            f"`{key}` in its entry lets it be called",
            request.place,
            severity="notice",
        )


@dataclass(slots=True)
class Call:
    """One call while it lasts: the question, and what was given so far."""

    mode: Mode
    request: Request
    texts: Mapping[str, Text]
    timeout: float
    spec: Spec
    outside: Outside
    given: Provisioned | None = None
    wrong: str = ""
    _sent: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self._sent = tuple(secret_texts(dict(self.texts)))
        self.outside.hide(texts_to_hide(dict(self.texts)))
        for tree in (self.request.outputs, self.request.params, self.request.state, self.request.shared):
            self.outside.hide(texts_to_hide(dict(tree)))

    @property
    def place(self) -> Place:
        """Return where the provisioner stands."""
        return self.spec.place

    @property
    def question(self) -> bytes:
        """The JSON to send, with the state the last answer gave."""
        return question(self.request)

    def heard(self, content: bytes) -> None:
        """Takes an answer, and keeps what it gives, whatever becomes of the call."""
        answer, self.wrong = read_answer(content)
        if answer is None:
            if self.mode == "deprovision" and not content.strip():
                self.given, self.wrong = Provisioned(outputs=self.request.outputs), ""
            return
        if has_secret_name(self.request, answer, self._sent):
            self.wrong = self.wrong or "its output has a name that holds a secret"
        self.given = provisioned(self.request, answer, self._sent)
        self.outside.hide(texts_to_hide(dict(self.given.outputs)))
        self.outside.hide(texts_to_hide(dict(self.given.shared)))
        if self.mode != "plan":
            self.request.keep(self.given)
            self.request = replace(self.request, state=self.given.state, outputs=self.given.outputs)

    def check(self) -> Provisioned:
        """Return what was given. Raises ExternalError when the last answer was none, or not all that is expected."""
        if self.wrong or self.given is None:
            raise self.failed(self.wrong)
        missing = [name for name in self.spec.expected_outputs if name not in self.given.outputs]
        if missing and self.mode != "deprovision":
            hint = "give it, or take it out of expected_outputs"
            raise self.failed(f"it gave no output {', '.join(missing)}", hint)
        return self.given

    def output(self) -> AbstractContextManager[Callable[[str], None]]:
        """Return where what the provisioner says beside its answer goes: once that is heard, for its secrets."""
        return self.outside.output(f"{self.mode} {self.request.uid}")

    def failed(self, message: str, hint: str = "") -> ExternalError:
        """The call's failure, to raise."""
        return ExternalError(Problem(f"{self.spec.uri}, {self.mode} {self.request.uid}: {message}", hint, self.place))
