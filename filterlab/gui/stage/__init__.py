"""What fills the whole window for a room: the stage, and what is shown step by step."""
