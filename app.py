"""The CDK app: `cdk synth -c stage=NAME` turns `stages/NAME.toml` into one stack."""

from pathlib import Path

from aws_cdk import Annotations, App, Validations
from cdk_nag import AwsSolutionsChecks, ServerlessChecks

from infra import bundling, stages
from infra.package import RUNTIME, target
from infra.problems import StageError
from infra.stack import PersonalizeStream

FUNCTIONS = Path(__file__).parent / "functions"


def main() -> None:
    """Read the chosen stage, compose its stack, check it, and write the cloud assembly."""
    app = App()
    try:
        stage = stages.choose(
            app.node.try_get_context("stage"),
            endpoint=app.node.try_get_context("personalize_endpoint"),
        )
    except StageError as error:
        raise SystemExit(str(error)) from None
    stack = PersonalizeStream(app, stage=stage, code=bundling.code(FUNCTIONS, stage.bundle))
    if target(stage.bundle).compiler is None:
        Annotations.of(stack).add_warning_v2(
            "personalize-stream:no-bytecode",
            f"There is no python{RUNTIME} here, so the package ships without bytecode and cold "
            "starts take about twice as long. Deploy with one on the PATH.",
        )
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), ServerlessChecks(app))
    app.synth()


if __name__ == "__main__":
    main()
