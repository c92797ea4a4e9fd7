"""What is done: scenarios by topic, and the engine that plays them."""
