"""Which resources outlive a destroy, and which are taken over from an earlier one, as resource options."""

from typing import Any

import pulumi


def kept(
    parent: pulumi.Resource,
    protect: bool,
    adopt: str | None = None,
    depends_on: list[Any] | None = None,
    guards: pulumi.Resource | None = None,
) -> pulumi.ResourceOptions:
    """Options of a resource of the retained set: destroy refuses it, and removal from the state never deletes it.

    `adopt` is the id to import it by. A bucket alone is not enough: without its key it cannot be read, without its
    policy and its public access block it is not safe. So what `guards` a resource is only ever deleted with it: where a
    destroy cannot delete a bucket, since it is not empty, its guards stay with it.
    """
    return pulumi.ResourceOptions(
        parent=parent,
        protect=protect,
        retain_on_delete=protect,
        import_=adopt,
        depends_on=depends_on,
        deleted_with=guards,
    )
