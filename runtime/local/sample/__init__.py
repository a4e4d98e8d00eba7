"""`trailsight sample`: a made-up CloudTrail folder that tells a story, the same for the same arguments, to the byte.

    from runtime.local.sample import write_sample
    summary = write_sample(Path("sample"), events=20_000)

Ingesting the folder must balance with the summary.
"""

from runtime.local.sample.write import Refused, SampleSummary, write_sample

__all__ = ["Refused", "SampleSummary", "write_sample"]
