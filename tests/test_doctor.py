"""Each check of the doctor, shown a machine that is well and one that is not."""

import sys

import pytest

from minigen import doctor
from minigen.doctor import GIB, Finding


def status_of(finding: Finding) -> str:
    """The status; a finding to mend must say how."""
    assert finding.found
    assert bool(finding.advice) == (finding.status != "ok")
    return finding.status


@pytest.mark.parametrize("version, status", [((3, 10, 14), "fail"), ((3, 11, 0), "ok"), ((3, 14, 2, "final", 0), "ok")])
def test_python_is_new_enough(version, status):
    assert status_of(doctor.check_python(version)) == status


@pytest.mark.parametrize(
    "requirements, status, words",
    [
        (["numpy>=1", "pytest>=1"], "ok", "all 2"),
        (["numpy>=9999"], "fail", "needs >=9999"),
        (["no-such-package-anywhere"], "fail", "is missing"),
        (["numpy>=1", "no-such-package-anywhere; extra == 'test'"], "ok", "all 1"),
        (["no-such-package-anywhere; python_version < '3'"], "ok", "all 0"),
    ],
)
def test_packages_are_there_and_in_range(requirements, status, words):
    finding = doctor.check_packages(requirements)
    assert status_of(finding) == status
    assert words in finding.found


def test_this_environment_has_the_packages_that_pyproject_asks_for():
    assert doctor.check_packages().status == "ok"


@pytest.mark.parametrize(
    "cuda, driver, status",
    [(None, False, "ok"), (None, True, "warn"), ("13.0", True, "ok"), ("13.0", False, "ok")],
)
def test_a_cpu_build_beside_a_gpu_is_noticed(cuda, driver, status, monkeypatch):
    monkeypatch.setattr(doctor.platform, "system", lambda: "Linux")
    assert status_of(doctor.check_torch("2.13.0", cuda, driver)) == status


@pytest.mark.parametrize("threads, cores, status", [(1, 8, "warn"), (4, 8, "warn"), (8, 8, "ok"), (1, 1, "ok")])
def test_idle_cores_are_noticed(threads, cores, status):
    assert status_of(doctor.check_threads(threads, cores)) == status


@pytest.mark.parametrize("gib, status", [(0.5, "fail"), (2, "warn"), (6, "ok")])
def test_memory(gib, status):
    assert status_of(doctor.check_memory(int(gib * GIB))) == status


@pytest.mark.parametrize("gib, status", [(0.1, "fail"), (0.5, "warn"), (6, "ok")])
def test_disk(gib, status):
    assert status_of(doctor.check_disk(int(gib * GIB))) == status


def test_the_working_folder_can_be_written_to(tmp_path):
    assert status_of(doctor.check_folder(tmp_path)) == "ok"
    finding = doctor.check_folder(tmp_path / "not-there")
    assert status_of(finding) == "fail"
    assert "not-there" in finding.found


@pytest.mark.parametrize("there, status", [(True, "ok"), (False, "warn")])
def test_data_that_is_not_there_names_the_command_that_fetches_it(there, status):
    finding = doctor.check_data("shakespeare", there)
    assert status_of(finding) == status
    assert finding.advice == ("" if there else "minigen data fetch shakespeare")


@pytest.mark.parametrize(
    "program, status",
    [(sys.executable, "ok"), ("python", "ok"), ("python3.11", "ok"), ("elsewhere/bin/python", "warn")],
)
def test_the_kernel_belongs_to_this_python(program, status):
    assert status_of(doctor.check_kernel([program, "-m", "ipykernel_launcher"])) == status


def test_no_kernel_at_all_is_a_failure(monkeypatch):
    from jupyter_client import kernelspec

    def none(self, name):
        raise kernelspec.NoSuchKernel(name)

    monkeypatch.setattr(kernelspec.KernelSpecManager, "get_kernel_spec", none)
    assert status_of(doctor.check_kernel()) == "fail"


@pytest.mark.parametrize("check", [doctor.check_device, doctor.check_precision])
def test_device_and_precision_are_told(check):
    assert status_of(check()) == "ok"


def test_a_check_that_cannot_run_is_a_finding_and_the_others_still_run(monkeypatch):
    def broken():
        raise ImportError("no module named torch")

    monkeypatch.setattr(doctor, "CHECKS", {"torch": broken, "disk": lambda: doctor.check_disk(9 * GIB)})
    torch, disk = doctor.diagnose()
    assert status_of(torch) == "fail"
    assert "no module named torch" in torch.found
    assert disk.status == "ok"


def test_only_a_failure_makes_the_exit_status_1():
    fine, odd, bad = (Finding("x", status, "found", "mend it") for status in ("ok", "warn", "fail"))
    assert doctor.exit_status([fine, odd]) == 0
    assert doctor.exit_status([fine, bad]) == 1


def test_the_report_fits_the_width_and_shows_the_advice():
    findings = [
        Finding("memory", "fail", "0.5 GiB free " * 20, "close other programs"),
        Finding("disk", "ok", "9 GiB"),
    ]
    text = doctor.report(findings, width=60)
    assert max(map(len, text.splitlines())) <= 60
    assert "FAIL" in text
    assert "-> close other programs" in text
    assert text.endswith("1 to mend, 0 to know about.")
    assert doctor.report(findings[1:]).endswith("All is well.")


def test_the_report_is_plain_enough_for_an_old_windows_terminal(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "CHECKS", {"disk": lambda: Finding("disk", "ok", "free on \u4f60\u597d")})
    monkeypatch.setattr(sys.stdout, "_encoding", "cp1252", raising=False)
    assert doctor.main() == 0
    doctor.report(doctor.diagnose()).encode("cp1252", "replace")
    assert "free on" in capsys.readouterr().out
