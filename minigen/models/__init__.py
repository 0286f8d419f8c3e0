"""Whole models: GPT, encoder-decoder and n-grams."""
