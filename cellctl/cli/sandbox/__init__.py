"""`cellctl sandbox …`: look at the simulated clouds, make them fail, and set their time."""
