"""Pulumi components, one file each; `CloudTrailPipeline` composes the rest."""
