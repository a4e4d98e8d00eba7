"""The program: configs/<stack>.yaml -> provider -> component -> outputs."""

import pulumi

from components.pipeline import CloudTrailPipeline
from configs.loader import load
from configs.model import pipeline_args
from configs.provider import provider
from configs.references import resolve

stack = pulumi.get_stack()
config = load(stack)
account = provider(config)
args = resolve(pipeline_args(config), pulumi.InvokeOptions(provider=account))
pipeline = CloudTrailPipeline(stack, args, pulumi.ResourceOptions(providers=[account]))
for name in CloudTrailPipeline.__annotations__:
    pulumi.export(name, getattr(pipeline, name))
