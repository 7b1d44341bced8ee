"""Watches over who asks: theft by questions, campaigns against decisions, scraping, shared credentials, prompts."""
