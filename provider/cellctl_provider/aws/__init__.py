"""Resource types of provider `cellctl` on AWS."""
