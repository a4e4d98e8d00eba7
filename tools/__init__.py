"""Makes what is deployed from what is here."""
