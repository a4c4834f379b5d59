ssh-keygen -q -t ed25519 -N '' -f id_ed25519
