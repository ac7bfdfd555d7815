<?php
// A visitor's name and a count of visits, in PHP's own session.
session_start();
if ($_SERVER['REQUEST_METHOD'] === 'POST') $_SESSION['name'] = (string) ($_POST['name'] ?? '');
$_SESSION['visits'] = ($_SESSION['visits'] ?? 0) + 1;
$name = htmlspecialchars($_SESSION['name'] ?? '');
?>
<!doctype html>
<title>unstick</title>
<p><?= $name === '' ? 'Who are you?' : "Hello, $name." ?> Visit <?= $_SESSION['visits'] ?>, answered by <?= htmlspecialchars(gethostname()) ?>.</p>
<form method="post"><input name="name" placeholder="your name"> <button>Log in</button></form>
