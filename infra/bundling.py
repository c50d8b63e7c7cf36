"""The package as CDK's asset, without Docker; its hash is the hash of the package's inputs."""

import shutil
from pathlib import Path
from typing import Any, Literal

import jsii
from aws_cdk import AssetHashType, BundlingOptions, DockerImage, ILocalBundling
from aws_cdk import aws_lambda as lambda_

from infra.package import Target, build, fingerprint, target


def code(functions: Path, bundle: Literal["lambda", "local"]) -> lambda_.Code:
    """Make the asset that all feeds share; it is built when a stack that uses it is bundled."""
    wanted = target(bundle)
    return lambda_.Code.from_asset(
        str(functions),
        asset_hash=fingerprint(functions, wanted),
        asset_hash_type=AssetHashType.CUSTOM,
        bundling=BundlingOptions(
            # CDK asks for an image even though the local bundling below never declines.
            image=DockerImage.from_registry("scratch"),
            local=_Package(functions, wanted),
        ),
    )


@jsii.implements(ILocalBundling)
class _Package:
    """Hands CDK a copy of the package, because CDK moves what it is given."""

    def __init__(self, functions: Path, wanted: Target) -> None:
        self._functions = functions
        self._wanted = wanted

    def try_bundle(
        self,
        output_dir: str,
        *,
        image: DockerImage,  # noqa: ARG002 # jsii gives the options by name
        **_options: Any,
    ) -> bool:
        """Fill `output_dir`; never decline, so that Docker is never asked."""
        shutil.copytree(build(self._functions, self._wanted), output_dir, dirs_exist_ok=True)
        return True
