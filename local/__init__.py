"""The whole product on one machine: what stands in for AWS, and how it is started."""
