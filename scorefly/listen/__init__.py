"""A service that receives pushes, polls, deploys by starting `scorefly sync`, and shows what runs."""
