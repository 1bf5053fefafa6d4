"""What provider `cellctl` needs of Azure."""
