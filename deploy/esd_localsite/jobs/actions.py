"""What is done for a job, and what is seen of it: scripts written, commands started, the batch system asked."""

from collections.abc import Callable
from dataclasses import dataclass

from esd_localsite.description.config import EndpointConfig
from esd_localsite.description.description import JobDescription, JobType
from esd_localsite.files.mover import Mover
from esd_localsite.files.processes import Account, Launcher, Process
from esd_localsite.jobs.batch import BatchError, BatchSystem, Submission, batch_state
from esd_localsite.jobs.life import Action, Batch, BatchSeen, CommandEnded, Done, Event, Failed, Launched, Phase, Refused, Submitted
from esd_localsite.jobs.records import JobRecord
from esd_localsite.jobs.script import allocation_script, batch_script, command_folder, command_script, login_script
from esd_localsite.jobs.staging_actions import stage_in, stage_out
from esd_localsite.jobs.workspace import Workspace


@dataclass(frozen=True)
class Actor:
    """Performs the pending action of a job; every result is an event."""

    config: EndpointConfig
    launcher: Launcher
    batch: BatchSystem
    mover: Mover
    clock: Callable[[], float]

    def perform(self, record: JobRecord, job: JobDescription, workspace: Workspace, *, resumed: bool) -> Event:  # noqa: PLR0911 - one line per action
        """Do what the state says is pending. Raises OSError where the working directory or a program cannot be used."""
        match record.state.pending:
            case Action.STAGE_IN:
                return stage_in(record, job, workspace, self.mover)
            case Action.STAGE_OUT:
                return stage_out(record, job, workspace, self.mover)
            case Action.ALLOCATE:
                return self._allocate(record, job, workspace)
            case Action.RUN_PRECOMMAND:
                return self._command(job.precommand.lines[record.state.step], "PRE", record, job, workspace)
            case Action.RUN_POSTCOMMAND:
                return self._command(job.postcommand.lines[record.state.step], "POST", record, job, workspace)
            case Action.RUN_MAIN:
                workspace.forget_exit_code()
                return self._launch(login_script(job, record.directory), f"bss_submit_{record.id}", workspace)
            case Action.SUBMIT:
                return self._submit(record, job, workspace, resumed=resumed)
            case Action.STOP:
                return self._stop(record, job, workspace.account)
            case None:
                return Done()

    def allocation_seen(self, record: JobRecord, workspace: Workspace) -> Event | None:
        """What came of the question for an allocation; None while it waits."""
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
        """How the running login-node command ended; None while it runs."""
        alive = record.state.process is not None and Process.parse(record.state.process).is_alive
        if alive:
            return None
        if record.state.phase is Phase.LOGIN_NODE:
            return CommandEnded(workspace.exit_code())
        folder = command_folder("PRE" if record.state.phase is Phase.PRECOMMAND else "POST", record.state.step)
        return CommandEnded(workspace.exit_code(folder), workspace.output_tail(folder))

    def batch_seen(self, record: JobRecord, job: JobDescription, workspace: Workspace, word: str) -> BatchSeen:
        """What the batch system's word and the exit code file together say."""
        state, code = batch_state(word), workspace.exit_code()
        if job.job_type is JobType.RAW and state is Batch.ENDED:
            code = self._raw_exit_code(record, workspace.account)
        return BatchSeen(state, word, code, self.clock())

    def _command(self, line: str, kind: str, record: JobRecord, job: JobDescription, workspace: Workspace) -> Event:
        folder = command_folder(kind, record.state.step)
        workspace.forget_exit_code(folder)
        return self._launch(command_script(line, job, record.directory, folder), f"{folder}/script", workspace)

    def _launch(self, text: str, name: str, workspace: Workspace) -> Event:
        script = workspace.write(name, text)
        environment, argv = self.config.login_node_environment, ("bash", str(script))
        return Launched(str(self.launcher.start(workspace.account, argv, environment=environment, cwd=workspace.directory)))

    def _allocate(self, record: JobRecord, job: JobDescription, workspace: Workspace) -> Event:
        if not self.batch.allocates:
            return Failed("Could not allocate resources: this site has no batch system")
        return self._launch(allocation_script(record.id, job, record.directory), f"bss_submit_{record.id}", workspace)

    def _submit(self, record: JobRecord, job: JobDescription, workspace: Workspace, *, resumed: bool) -> Event:
        try:
            earlier = self.batch.find(record.id, workspace.account) if resumed else None
            return Submitted(earlier or self.batch.submit(self._submission(record, job, workspace)))
        except BatchError as error:
            return Refused(str(error), self.clock())

    def _submission(self, record: JobRecord, job: JobDescription, workspace: Workspace) -> Submission:
        workspace.forget_exit_code()
        if job.job_type is JobType.RAW and job.bss_file:
            script = record.directory / job.bss_file
        else:
            script = workspace.write(f"bss_submit_{record.id}", batch_script(record.id, job, record.directory))
        return Submission(workspace.account, record.id, str(script), record.directory, job.stdout, job.stderr)

    def _stop(self, record: JobRecord, job: JobDescription, owner: Account) -> Event:
        if record.state.process:
            Process.parse(record.state.process).stop(self.config.times.kill_seconds)
        if record.state.batch_id or job.job_type is JobType.ALLOCATE:
            try:
                batch_id = record.state.batch_id or self.batch.find(record.id, owner)  # it may have been granted just now
                if batch_id:
                    self.batch.cancel(batch_id, owner)
            except BatchError as error:
                return Failed(f"Job aborted, but the batch system did not end it: {error}")
        return Done()

    def _raw_exit_code(self, record: JobRecord, owner: Account) -> int | None:
        """A user's own batch file leaves no exit code file; Slurm says `ExitCode=code:signal`."""
        try:
            code, _, signal = self.batch.details(record.state.batch_id or "", owner).get("ExitCode", "").partition(":")
        except BatchError:
            return None
        return 128 + int(signal) if signal.isdecimal() and int(signal) else int(code) if code.isdecimal() else None
