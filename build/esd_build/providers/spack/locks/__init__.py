"""What an environment asks of Spack, and the lock that answers it. Pure, without Spack."""
