"""What `cosim bench` runs: each module measures one part and returns plain rows."""
