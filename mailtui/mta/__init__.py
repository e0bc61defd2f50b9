"""Mail servers: the contract, and one package each."""
