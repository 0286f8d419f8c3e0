"""Whole models: GPT and n-grams."""
