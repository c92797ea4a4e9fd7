"""Reports on result files, one module for each verb. They play no case and import `specs` alone."""
