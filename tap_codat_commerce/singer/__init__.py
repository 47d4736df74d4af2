"""What the SDK is made to do. Every private part of it that is overridden is overridden here, once."""
