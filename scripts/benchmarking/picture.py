"""The rate over time against each limit, as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .limits import Trial

ACCEPTED, REFUSED, ALLOWED = "#2f6fab", "#c8442b", "#555555"


def draw(trials: Mapping[str, Trial], path: Path) -> None:
    """Draw as SVG how many calls were accepted and refused in each second, and what was allowed."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams.update({"svg.hashsalt": "rate", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9})
    figure = Figure(figsize=(9, 2.1 * len(trials)), layout="constrained")
    for axes, (name, trial) in zip(figure.subplots(len(trials), squeeze=False).flat, trials.items(), strict=True):
        accepted, refused = trial.a_second(204), trial.a_second(429)
        both = [one + other for one, other in zip(accepted, refused, strict=True)]
        axes.stairs(both, baseline=accepted, fill=True, color=REFUSED, label="refused")
        axes.stairs(accepted, fill=True, color=ACCEPTED, label="accepted")
        axes.axhline(trial.limit.rate, color=ALLOWED, linewidth=1, linestyle="--", label="let through in a second")
        axes.set_title(f"{trial.calls:,} removals, {name}", loc="left", fontsize=9)
        axes.set_ylabel("calls a second")
        axes.margins(x=0)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].legend(frameon=False, ncols=3, loc="lower right", bbox_to_anchor=(1, 1), fontsize=8)
    figure.axes[-1].set_xlabel("seconds since the first call")
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
