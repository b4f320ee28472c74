"""What runs the programs of tests/sdk against our scheduler and sidecar."""
