"""Writes what is made from the model: configs/schema.json and the list of keys in docs/configuration.md."""

from configs import reference, schema

for module in (schema, reference):
    module.FILE.write_text(module.text())
