"""What stands in for Sendmail and the system on the demo's hosts; copied to a folder on their PATH."""
