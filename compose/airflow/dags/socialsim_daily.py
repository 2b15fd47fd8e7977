"""Every day: compute the KPIs of the previous day, then verify what is stored.

Both tasks run the program ``socialsim`` from its own environment, because its dependencies conflict
with Airflow's. Two Airflow variables locate it; neither is a secret:

- ``socialsim_program``: the program, by default ``socialsim`` on the worker's PATH;
- ``socialsim_directory``: its working directory, by default the worker's. The ``.env`` there, or
  the worker's ``SOCIALSIM_*`` variables, name the warehouse and contain its password. Airflow never
  sees the password.

Needs Airflow 3. The setup is described in ``docs/scheduling.md``.
"""

import os
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from airflow.sdk import DAG, BaseOperator, Context, CronDataIntervalTimetable, Variable
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

#: socialsim's exit codes that are not retried.
DONE: Final = 0
VERDICT: Final = 1
BAD_INPUT: Final = 2
NOT_YET: Final = 75

_GRACE_S: Final = 30
#: The worker's variables that a child gets beside ``SOCIALSIM_*``; it needs none of Airflow's.
_PASSED_ON: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")


class SocialsimOperator(BaseOperator):
    """Runs ``socialsim`` with ``arguments`` (templates) and interprets its exit code."""

    template_fields: Sequence[str] = ("arguments",)

    def __init__(self, *, arguments: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.arguments = list(arguments)
        self._process: subprocess.Popen[str] | None = None

    def execute(self, context: Context) -> None:  # noqa: ARG002 - the arguments are rendered already
        """Run it until it ends.

        Raises AirflowSkipException if it is too early, AirflowFailException if a retry is useless,
        and AirflowException.
        """
        program = Variable.get("socialsim_program", default="socialsim")
        directory = Variable.get("socialsim_directory", default=None)
        self.log.info("%s %s", program, " ".join(self.arguments))
        try:
            self._process = subprocess.Popen(
                [program, *self.arguments],
                cwd=directory,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        except OSError as error:
            raise AirflowFailException(
                f"{program} cannot be started in {directory or Path.cwd()}: {error.strerror}; "
                "see the variables socialsim_program and socialsim_directory"
            ) from error
        try:
            output, complaints = self._process.communicate()
        finally:
            self.on_kill()  # after a timeout or a signal; no effect if it has ended
        for line in (*complaints.splitlines(), *output.splitlines()):
            self.log.info(line)
        _judge(self._process.returncode, has_verdict=bool(output), last_words=complaints.strip().rpartition("\n")[2])

    def on_kill(self) -> None:
        """Terminate the program with the task."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith("SOCIALSIM_")}


def _judge(exit_code: int, *, has_verdict: bool, last_words: str) -> None:
    if exit_code == NOT_YET:
        raise AirflowSkipException(f"not yet: {last_words}")
    if exit_code == BAD_INPUT:
        raise AirflowFailException(last_words)
    # Errors are written to stderr only. Output on stdout means that it finished with a bad result.
    if exit_code == VERDICT and has_verdict:
        raise AirflowFailException("the stored rows are not what was simulated; see the report above")
    if exit_code != DONE:
        raise AirflowException(f"exit code {exit_code}: {last_words}")


with DAG(
    dag_id="socialsim_daily",
    description="KPIs of the day that is over, then verification",
    doc_md=__doc__,
    # The run of logical date D starts on D + 1. A day is closed when the stream is an hour past its
    # end, so a simulation at wall speed has closed D by then.
    schedule=CronDataIntervalTimetable("30 1 * * *", timezone="UTC"),
    start_date=datetime(2020, 1, 1, tzinfo=UTC),
    # `kpi --date D` also computes earlier days without valid KPIs, so no catch-up is needed.
    catchup=False,
    max_active_runs=1,
    default_args={
        "retries": 3,  # the delay before the first is the installation's default, 5 minutes
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(hours=1),
        "execution_timeout": timedelta(hours=6),
    },
    tags=["socialsim"],
) as dag:
    kpi = SocialsimOperator(task_id="kpi", arguments=["kpi", "--date", "{{ ds }}"])
    verify = SocialsimOperator(task_id="verify", arguments=["verify"])
    kpi >> verify
