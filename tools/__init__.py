"""Small programs for developers of socialsim."""
