"""What every part of the toolkit needs of the machine: devices, memory figures and progress bars."""
