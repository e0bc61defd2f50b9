"""Takes the README's pictures: the real console over the real demo fleet. `python -m tests.pilot.pictures docs/pictures`."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

from mailtui.app import Console, ConsoleOptions
from mailtui.config import load, resolve
from mailtui.demo.fleet import DemoFleet
from mailtui.fleet import Fleet


async def take(folder: Path) -> None:
    """Save the overview and the host in trouble."""
    async with DemoFleet(hosts=3, messages=600, seed=1) as demo:
        config = load(demo.config_path)
        async with Fleet(resolve(config, ())) as fleet:
            app = Console(fleet, ConsoleOptions(scope="demo"))
            async with app.run_test(size=(120, 36)) as pilot:
                while not all(view.queue_at and view.stats for view in fleet.store.hosts()):
                    await pilot.pause(0.1)
                while fleet.store.log("mx2").end < 2000 or len(fleet.store.trend("mx2")) < 4:
                    await pilot.pause(0.1)
                await pilot.pause(1.2)
                save(app, folder / "overview.svg")
                app.open_host("mx2")
                await pilot.pause(1.5)
                save(app, folder / "host.svg")


def save(app: Console, path: Path) -> None:
    """Write the screen as SVG, without fonts from elsewhere."""
    svg = app.export_screenshot(title="mailtui")
    svg = re.sub(r"@font-face\s*\{[^}]*\}", "", svg)
    path.write_text(re.sub(r"/tmp/mailtui-demo-\w+", "", svg), encoding="utf-8")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    asyncio.run(take(target))
