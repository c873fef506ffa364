"""What is done for a job: writes scripts, starts commands, asks the batch system."""

from collections.abc import Callable
from dataclasses import dataclass

from esd_localsite.description.config import EndpointConfig
from esd_localsite.description.description import JobDescription, JobType
from esd_localsite.description.resources import DescriptionError, Granted
from esd_localsite.files.mover import Mover
from esd_localsite.files.processes import Account, Launcher, Process
from esd_localsite.jobs.batch import BatchError, BatchSystem, Submission, batch_state
from esd_localsite.jobs.staging_actions import stage_in, stage_out
from esd_localsite.records import script
from esd_localsite.records.life import (
    Action,
    Batch,
    BatchSeen,
    CommandEnded,
    Created,
    Done,
    Event,
    Failed,
    Launched,
    Phase,
    Refused,
    Submitted,
)
from esd_localsite.records.records import JobRecord, dn_of
from esd_localsite.records.workspace import Workspace

PRE, POST = "PRE", "POST"


@dataclass(frozen=True)
class Actor:
    """Performs the pending action of a job; every result is an event."""

    config: EndpointConfig
    launcher: Launcher
    batch: BatchSystem
    mover: Mover
    clock: Callable[[], float]

    def perform(  # noqa: C901, PLR0911 - one line per action
        self, record: JobRecord, job: JobDescription, workspace: Workspace, *, resumed: bool
    ) -> Event:
        """Perform the pending action. Raises OSError if the working directory or a program cannot be used."""
        match record.state.pending:
            case Action.MAKE_FOLDER:
                workspace.create(int(job.umask, 8))
                return Created()
            case Action.STAGE_IN:
                return stage_in(record, job, workspace, self.mover)
            case Action.STAGE_OUT:
                return stage_out(record, job, workspace, self.mover)
            case Action.ALLOCATE:
                return self._allocate(record, job, workspace)
            case Action.RUN_PRECOMMAND:
                return self._command(job.precommand.text or "", PRE, record, job, workspace)
            case Action.RUN_POSTCOMMAND:
                return self._command(job.postcommand.text or "", POST, record, job, workspace)
            case Action.RUN_MAIN:
                return self._launch(script.login_script(job, record.directory, self._who(record, workspace)), workspace)
            case Action.SUBMIT:
                return self._submit(record, job, workspace, resumed=resumed)
            case Action.STOP:
                return self._stop(record, job, workspace.account)
            case None:
                return Done()

    def allocation_seen(self, record: JobRecord, workspace: Workspace) -> Event | None:
        """The result of the request for an allocation; None while it waits."""
        asking = record.state.process is not None and Process.parse(record.state.process).is_alive  # before the look at the queue
        found = self.batch.find(record.id, workspace.account)
        state = batch_state(self.batch.words([found]).get(found, "")) if found else None
        if found and state is Batch.RUNNING:
            return Submitted(found)
        if asking or state is Batch.WAITING:
            return None
        tail = "; ".join(line for line in workspace.output_tail(""))
        return Failed(f"Could not allocate resources: {tail or 'salloc ended without a word'}")

    def command_ended(self, record: JobRecord, workspace: Workspace) -> CommandEnded | None:
        """How the login-node command ended; None while it runs."""
        alive = record.state.process is not None and Process.parse(record.state.process).is_alive
        if alive:
            return None
        if record.state.phase is Phase.LOGIN_NODE:
            return CommandEnded(workspace.exit_code(), self.clock())
        kind = PRE if record.state.phase is Phase.PRECOMMAND else POST
        folder = script.command_folder(kind)
        code = workspace.exit_code(f"{folder}/{script.command_file(kind, script.EXIT_CODE_FILE)}")
        return CommandEnded(code, self.clock(), workspace.output_tail(folder))

    def batch_seen(self, workspace: Workspace, word: str) -> BatchSeen:
        """What the batch system's state and the exit code file mean together."""
        return BatchSeen(batch_state(word), workspace.exit_code(), self.clock())

    def _command(self, text: str, kind: str, record: JobRecord, job: JobDescription, workspace: Workspace) -> Event:
        workspace.make_folder(script.command_folder(kind))
        return self._launch(script.command_script(text, kind, job, record.directory, self._who(record, workspace)), workspace)

    def _launch(self, text: str, workspace: Workspace) -> Event:
        environment, argv = self.config.login_node_environment, ("bash", "-c", text)
        return Launched(str(self.launcher.start(workspace.account, argv, environment=environment, cwd=workspace.directory)))

    def _granted(self, job: JobDescription) -> Granted:
        return job.resources.granted(self.config.partitions)

    def _allocate(self, record: JobRecord, job: JobDescription, workspace: Workspace) -> Event:
        if not self.batch.allocates:
            return Failed("Could not allocate resources: this site has no batch system")
        try:
            return self._launch(script.allocation_script(record.id, job, self._granted(job), record.directory), workspace)
        except DescriptionError as error:
            return Failed(f"Processing failed: {error}")

    def _submit(self, record: JobRecord, job: JobDescription, workspace: Workspace, *, resumed: bool) -> Event:
        try:
            # A command without an answer may still have been accepted.
            earlier = self.batch.find(record.id, workspace.account) if resumed or record.state.attempts > 1 else None
            return Submitted(earlier or self.batch.submit(self._submission(record, job, workspace)))
        except DescriptionError as error:
            return Failed(f"Processing failed: {error}")
        except BatchError as error:
            return Refused(str(error), self.clock())

    def _submission(self, record: JobRecord, job: JobDescription, workspace: Workspace) -> Submission:
        granted, number = self._granted(job), round(self.clock() * 1000)
        user_script = script.user_script(job, granted, record.directory, self._who(record, workspace))
        own = workspace.write(f"UNICORE_Job_{number}", user_script, 0o770)
        if job.job_type is JobType.RAW and job.bss_file:
            text = f"{workspace.read(job.bss_file)}\n{own}\n"
        else:
            text = script.submit_script(record.id, job, granted, record.directory, own.name)
        submit = workspace.write(f"bss_submit_{number}", text, 0o770)
        return Submission(workspace.account, record.id, str(submit), record.directory, job.stdout, job.stderr)

    def _who(self, record: JobRecord, workspace: Workspace) -> script.Who:
        return script.Who(dn_of(record.owner), workspace.account.replaced)

    def _stop(self, record: JobRecord, job: JobDescription, owner: Account) -> Event:
        if record.state.process:
            Process.parse(record.state.process).stop(self.config.times.kill_seconds)
        if record.state.batch_id or job.job_type is JobType.ALLOCATE:
            try:
                batch_id = record.state.batch_id or self.batch.find(record.id, owner)  # the allocation may have been granted just now
                if batch_id:
                    self.batch.cancel(batch_id, owner)
            except BatchError as error:
                return Failed(f"Job aborted, but the batch system did not end it: {error}")
        return Done()
