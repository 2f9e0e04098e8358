"""The login by browser: an authorization code with PKCE through the user's own External Client App."""
