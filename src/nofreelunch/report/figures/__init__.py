"""One module per figure, each with ``draw(tables…) -> Figure``, in one shared style."""

from nofreelunch.report.figures.gallery import draw_all as draw_all
