"""The embedded Fly: a loopback HTTP server that keeps the Machines API's rules."""
