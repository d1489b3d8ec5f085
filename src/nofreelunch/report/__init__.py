"""The report: one HTML file that holds all it shows and asks for nothing else."""

from nofreelunch.report.page import render as render
