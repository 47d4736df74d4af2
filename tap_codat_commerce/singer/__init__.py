"""How the SDK's behaviour is changed. Its private parts are overridden only here, each of them once."""
