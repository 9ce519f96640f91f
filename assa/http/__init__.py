"""What is served over HTTP: WebSocket, uploaded files, the web client, and what operators ask for."""
