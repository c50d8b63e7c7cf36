"""Who says how an operation is called: the environment where that is enough, botocore elsewhere."""

from collections.abc import Mapping

from forwarder.transport import ambient
from forwarder.transport.endpoint import Access


def find_access(environ: Mapping[str, str], operation: str) -> Access:
    """Find an operation's endpoint and credentials, as botocore would.

    Args:
        environ: The process's environment.
        operation: Its name in the API, such as `PutEvents`.

    Raises:
        botocore.exceptions.BotoCoreError: Region or credentials are missing, or FIPS or
            dual-stack are asked for where they cannot be had.
        ValueError: The endpoint or its proxy is one this transport cannot reach.
    """
    known = ambient.read(environ, operation)
    if known is not None:
        return known
    # Loading it takes as long as all the rest.
    import botocore.session  # noqa: PLC0415

    from forwarder.transport import chain  # noqa: PLC0415

    return chain.ask(botocore.session.get_session(), operation)
