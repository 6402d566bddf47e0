"""Numbers as people read them: as many digits as their spread leaves meaning to."""

import math


def number(value):
    """A number with four significant digits, whole numbers in full."""
    if value is None or not math.isfinite(value):
        return "not finite"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:#.4g}".rstrip(".") if 1e-4 <= abs(value) < 1e6 else f"{value:.3g}"


def spread(mean, deviation):
    """Mean ± deviation with two digits of the deviation; without one, the number alone.

    So are whole numbers that do not vary, which are counts.
    """
    if mean is None:
        return "not finite"
    if not deviation or not math.isfinite(deviation):
        whole = float(mean).is_integer()
        return number(mean) if deviation is None or whole else f"{number(mean)} ± 0"
    decimals = 1 - math.floor(math.log10(deviation))
    if decimals > 6 or abs(mean) >= 1e7:
        return f"{mean:.2e} ± {deviation:.1e}"
    decimals = max(decimals, 0)
    return f"{mean:,.{decimals}f} ± {deviation:,.{decimals}f}"


def interval(low, high):
    """Two ends, with the digits that the interval's own width leaves meaning to."""
    width = high - low
    decimals = 1 - math.floor(math.log10(width)) if width else 4
    if not 0 <= decimals <= 6:
        return f"{low:.3g} to {high:.3g}"
    return f"{low:,.{decimals}f} to {high:,.{decimals}f}"


def lasted(seconds):
    """Seconds of training: "45 s", "12 min", "3.4 h"."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
