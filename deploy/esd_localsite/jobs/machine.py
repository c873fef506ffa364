"""The life of a job: one pure function from a state and an event to the next state and what is to be done.

Nothing here acts or reads a clock; the engine performs the actions and reports what came of them as further events.
"""

from dataclasses import dataclass

from esd_localsite.description.description import JobDescription, JobType
from esd_localsite.jobs.life import (
    Aborted,
    Action,
    Batch,
    BatchSeen,
    CommandEnded,
    Created,
    Done,
    Event,
    Failed,
    JobState,
    Launched,
    Phase,
    Refused,
    Restarted,
    Rules,
    Started,
    Submitted,
    Tick,
)

_TIME_LIMIT = "TIMEOUT"
_ALLOCATION_OVER = {_TIME_LIMIT, "COMPLETED"}
"""How an allocation ends by itself."""


@dataclass(frozen=True)
class Step:
    """The next state (with its `pending` action), and what to write into the job's log."""

    state: JobState
    log: tuple[str, ...] = ()


def advance(state: JobState, event: Event, job: JobDescription, rules: Rules) -> Step:  # noqa: PLR0911 - one line per event
    """One step of a job's life. Events that do not fit the phase (late reports, a second `start`) change nothing."""
    match event:
        case Created() | Started() | Aborted() | Restarted():
            return _ordered(state, event, job)
        case Failed(message):
            return _fail(state, message)
        case Done():
            return _done(state, job)
        case Launched(process):
            return Step(_with(state, pending=None, process=process))
        case CommandEnded():
            return _command_ended(state, event, job)
        case Submitted(batch_id):
            taken = _with(state, phase=Phase.QUEUED, pending=None, batch_id=batch_id, wait_from=None)
            return Step(taken, (f"Submitted to the batch system as {batch_id}.",))
        case Refused():
            return _refused(state, event, rules)
        case Tick(at):
            return _tick(state, at, rules)
        case BatchSeen():
            return _batch_seen(state, event, job, rules)


def _ordered(state: JobState, event: Created | Started | Aborted | Restarted, job: JobDescription) -> Step:
    match event:
        case Created():
            return _created(state, job)
        case Started():
            return _started(state, job)
        case Aborted():
            return _aborted(state)
        case Restarted():
            return _created(JobState(started=True), job, "Restarted.") if state.phase.is_final else Step(state)


def _with(state: JobState, **changes: object) -> JobState:
    return state.model_copy(update=changes)


def _created(state: JobState, job: JobDescription, *log: str) -> Step:
    if job.imports:
        return Step(_with(state, phase=Phase.STAGING_IN, pending=Action.STAGE_IN), (*log, "Staging in."))
    return _begin(state, job, *log)


def _started(state: JobState, job: JobDescription) -> Step:
    if state.started or state.phase.is_final:
        return Step(state)
    state = _with(state, started=True)
    return _begin(state, job, "Started by the client.") if state.phase is Phase.READY else Step(state)


def _begin(state: JobState, job: JobDescription, *log: str) -> Step:
    if job.waits_for_client and not state.started:
        return Step(_with(state, phase=Phase.READY, pending=None), (*log, "Ready for the client's files; waiting for start."))
    if job.precommand.login_node_lines:
        return _command(state, Phase.PRECOMMAND, Action.RUN_PRECOMMAND, 0, *log)
    return _main(state, job, *log)


def _command(state: JobState, phase: Phase, action: Action, step: int, *log: str) -> Step:
    return Step(
        _with(state, phase=phase, pending=action, step=step, process=None), (*log, f"Running {phase.lower()} {step} on the login node.")
    )


def _main(state: JobState, job: JobDescription, *log: str) -> Step:
    state = _with(state, process=None)
    if job.is_empty:
        return _after_main(state, job, *log)
    if job.job_type is JobType.LOGIN_NODE:
        return Step(_with(state, phase=Phase.LOGIN_NODE, pending=Action.RUN_MAIN), (*log, "Running on the login node."))
    if job.job_type is JobType.ALLOCATE:
        return Step(_with(state, phase=Phase.ALLOCATING, pending=Action.ALLOCATE), (*log, "Asking the batch system for an allocation."))
    return Step(_with(state, phase=Phase.SUBMITTING, pending=Action.SUBMIT, attempts=1), log)


def _after_main(state: JobState, job: JobDescription, *log: str) -> Step:
    if job.postcommand.login_node_lines:
        return _command(state, Phase.POSTCOMMAND, Action.RUN_POSTCOMMAND, 0, *log)
    return _stage_out(state, job, *log)


def _stage_out(state: JobState, job: JobDescription, *log: str) -> Step:
    if job.exports:
        return Step(_with(state, phase=Phase.STAGING_OUT, pending=Action.STAGE_OUT, process=None), (*log, "Staging out."))
    return _succeed(state, *log)


def _succeed(state: JobState, *log: str) -> Step:
    return Step(_with(state, phase=Phase.SUCCESSFUL, pending=None, process=None, message=""), (*log, "Job is SUCCESSFUL."))


def _fail(state: JobState, message: str, *log: str, pending: Action | None = None) -> Step:
    return Step(_with(state, phase=Phase.FAILED, pending=pending, message=message), (*log, f"Job is FAILED: {message}"))


def _aborted(state: JobState) -> Step:
    return Step(state) if state.phase.is_final else _fail(state, "Job aborted.", pending=Action.STOP)


def _done(state: JobState, job: JobDescription) -> Step:
    if state.phase is Phase.STAGING_IN:
        return _begin(state, job)
    if state.phase is Phase.STAGING_OUT:
        return _succeed(state)
    return Step(_with(state, pending=None, process=None))


def _command_ended(state: JobState, event: CommandEnded, job: JobDescription) -> Step:
    if state.phase is Phase.LOGIN_NODE:
        return _program_ended(state, event.exit_code, job)
    if state.phase is Phase.PRECOMMAND:
        commands, action, title = job.precommand, Action.RUN_PRECOMMAND, "Pre-command(s) failed"
    elif state.phase is Phase.POSTCOMMAND:
        commands, action, title = job.postcommand, Action.RUN_POSTCOMMAND, "Post-command(s) failed"
    else:
        return Step(state)
    if event.exit_code != 0 and not commands.ignore_exit_code:
        how = "was killed" if event.exit_code is None else f"exited with code {event.exit_code}"
        return _fail(state, title, *event.output, f"'{commands.lines[state.step]}' {how}.")
    following = state.step + 1
    if following < len(commands.lines):
        return _command(state, state.phase, action, following)
    return _main(state, job) if state.phase is Phase.PRECOMMAND else _stage_out(state, job)


def _program_ended(state: JobState, exit_code: int | None, job: JobDescription) -> Step:
    if exit_code is None:
        return _fail(state, "The program was killed before it left an exit code")
    state = _with(state, exit_code=exit_code, process=None)
    if exit_code != 0 and not job.ignore_exit_code:
        return _fail(state, f"User application exited with non-zero exit code: {exit_code}")
    return _after_main(state, job, f"Exit code: {exit_code}.")


def _refused(state: JobState, event: Refused, rules: Rules) -> Step:
    if state.attempts >= rules.submit_attempts:
        return _fail(state, f"Could not submit job: {event.message}")
    log = f"Submission {state.attempts} of {rules.submit_attempts} failed: {event.message}"
    return Step(_with(state, pending=None, wait_from=event.at), (log,))


def _tick(state: JobState, at: float, rules: Rules) -> Step:
    waits = state.phase is Phase.SUBMITTING and state.pending is None and state.wait_from is not None
    if not waits or at < (state.wait_from or 0) + rules.submit_retry:
        return Step(state)
    return Step(_with(state, pending=Action.SUBMIT, attempts=state.attempts + 1, wait_from=None))


def _batch_seen(state: JobState, event: BatchSeen, job: JobDescription, rules: Rules) -> Step:
    if not state.phase.is_batch:
        return Step(state)
    match event.state:
        case Batch.WAITING:
            return Step(_with(state, phase=Phase.QUEUED, wait_from=None))
        case Batch.RUNNING:
            log = ("Job is RUNNING.",) if state.phase is Phase.QUEUED else ()
            return Step(_with(state, phase=Phase.RUNNING, wait_from=None), log)
        case Batch.KILLED | Batch.ENDED if job.job_type is JobType.ALLOCATE and event.word in _ALLOCATION_OVER:
            return _after_main(state, job, f"The allocation is over ({event.word}).")
        case Batch.KILLED:
            why = "it reached its time limit" if event.word == _TIME_LIMIT else "it was not ended by the program"
            return _fail(_with(state, exit_code=event.exit_code), f"The batch system ended the job: {why} ({event.word})")
        case Batch.ENDED:
            return _batch_ended(state, event, job, rules)


def _batch_ended(state: JobState, event: BatchSeen, job: JobDescription, rules: Rules) -> Step:
    if event.exit_code is not None:
        return _program_ended(state, event.exit_code, job)
    if state.wait_from is None:
        return Step(_with(state, wait_from=event.at))
    if event.at < state.wait_from + rules.grace:
        return Step(state)
    return _fail(state, f"The job left the batch system ({event.word}) without an exit code")
