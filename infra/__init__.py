"""What `cdk deploy` creates: one stack a stage, with a `Feed` for each feed it configures.

`config` reads the stage, `stack` composes, and each other module builds one part.
"""
