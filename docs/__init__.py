"""The pages, and the script that writes what the code itself knows into them."""
