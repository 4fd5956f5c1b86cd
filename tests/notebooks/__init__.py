"""The notebooks run from a clean kernel, and what they show in the repository is what comes."""
