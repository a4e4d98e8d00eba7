"""The program: configs/<stack>.yaml -> provider -> component -> outputs."""

import pulumi

from components.pipeline import CloudTrailPipeline
from configs.loader import load
from configs.provider import provider
from configs.references import resolved

stack = pulumi.get_stack()
config = load(stack)
aws = provider(config)
pipeline = CloudTrailPipeline(stack, resolved(config, aws), pulumi.ResourceOptions(providers=[aws]))
for name in CloudTrailPipeline.__annotations__:
    pulumi.export(name, getattr(pipeline, name))
