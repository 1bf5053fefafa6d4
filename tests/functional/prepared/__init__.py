"""A cell that runs, brought up once for each cloud and test run and handed out as copies."""
