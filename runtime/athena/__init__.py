"""SQL in Athena's dialect over the lake: named queries and the view in the shape of AWS's own table."""
