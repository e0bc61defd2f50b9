"""What is installed is what git lists: built as a user's pip does it, wheel from sdist, without a network."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from dataclasses import dataclass
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("mailtui", "widgets", "themes")
LINKS = ("mailtui/widgets", "mailtui/themes")

pytestmark = pytest.mark.skipif(
    not (ROOT / ".git").exists(), reason="not a git checkout: nothing says what should be installed"
)


def listed(*paths: str) -> list[str]:
    """What git lists below these paths and is there."""
    said = subprocess.run(["git", "ls-files", "-z", "--", *paths], cwd=ROOT, capture_output=True, check=True)
    return [name for name in said.stdout.decode().split("\0") if name and os.path.lexists(ROOT / name)]


def installed_name(name: str) -> str:
    """Where a file of the checkout lies once installed."""
    return name if name.startswith("mailtui/") else f"mailtui/{name}"


@dataclass(frozen=True, slots=True)
class Built:
    """The two archives, and the wheel unpacked as pip unpacks it."""

    sdist: Path
    wheel: Path
    site: Path

    def python(self, code: str) -> subprocess.CompletedProcess[str]:
        """Run code in an interpreter that has the wheel and its dependencies, and knows nothing of the checkout.

        Without `site` no .pth file is read: the editable installation of the checkout stays out.
        """
        path = [str(self.site), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
        return subprocess.run(
            [sys.executable, "-I", "-S", "-c", f"import sys; sys.path += {path!r}\n{code}"],
            cwd=self.site.parent,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build from a copy of what git lists: what else lies in the checkout is neither seen nor changed."""
    copy, out, site = (tmp_path_factory.mktemp(name) for name in ("copy", "out", "site"))
    for name in listed():
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target, follow_symlinks=False)
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(copy)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PIP_NO_INDEX": "1"},
        timeout=110,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return Built(sdist, wheel, site)


def test_the_wheel_from_the_sdist_holds_exactly_what_git_lists(built: Built) -> None:
    wanted = sorted(installed_name(name) for name in listed(*FOLDERS) if name not in LINKS)
    with zipfile.ZipFile(built.wheel) as archive:
        found = sorted(name for name in archive.namelist() if not name.partition("/")[0].endswith(".dist-info"))
    assert found == wanted
    assert len(wanted) > 100


def test_every_file_arrives_unchanged(built: Built) -> None:
    for name in listed(*FOLDERS):
        if name not in LINKS:
            assert (built.site / installed_name(name)).read_bytes() == (ROOT / name).read_bytes(), name


def test_the_sdist_holds_each_file_once(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        tops = {name.split("/")[1] for name in archive.getnames() if "/" in name}
        assert not [member.name for member in archive if member.issym() or member.islnk()]
    assert {"mailtui", "pyproject.toml", "README.md", "LICENSE", "NOTICE"} <= tops
    assert not tops & {"widgets", "themes"}, "they would be there twice: the links were followed"


def test_widgets_and_themes_are_installed_inside_mailtui_alone(built: Built) -> None:
    done = built.python(
        "import mailtui.widgets, mailtui.themes, mailtui.cli\n"
        f"for module in (mailtui, mailtui.widgets, mailtui.themes): assert module.__file__.startswith({str(built.site)!r})\n"
        "print(len(mailtui.themes.available()))\n"
        "for name in 'widgets', 'themes':\n"
        "    try: __import__(name)\n"
        "    except ModuleNotFoundError: continue\n"
        "    sys.exit(f'import {name} works')\n"
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(listed("themes/*.yaml"))


def test_the_installed_command_answers(built: Built) -> None:
    done = built.python("from mailtui.__main__ import main; sys.argv = ['mailtui', 'version']; sys.exit(main())")
    assert done.returncode == 0, done.stderr
    assert "mailtui " in done.stdout


def test_licence_readme_and_entry_points_are_in(built: Built) -> None:
    (info,) = built.site.glob("mailtui-*.dist-info")
    for name in ("LICENSE", "NOTICE"):
        assert (info / "licenses" / name).read_bytes() == (ROOT / name).read_bytes()
    metadata = Parser().parsestr((info / "METADATA").read_text(encoding="utf-8"))
    assert metadata["License-Expression"] == "MIT"
    assert str(metadata.get_payload()).strip() == (ROOT / "README.md").read_text(encoding="utf-8").strip()
    said = (info / "entry_points.txt").read_text(encoding="utf-8")
    assert "mailtui = mailtui.__main__:main" in said
    assert "[mailtui.mta]\nsendmail = " in said
    assert (info / "top_level.txt").read_text(encoding="utf-8").split() == ["mailtui"]


def test_every_entry_point_can_be_loaded(built: Built) -> None:
    done = built.python(
        "from importlib.metadata import distribution\nfor point in distribution('mailtui').entry_points: point.load()\n"
    )
    assert done.returncode == 0, done.stderr
